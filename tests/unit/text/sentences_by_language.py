"""Sentences whose language is known."""

FRENCH = """
Bonjour
Bonsoir !
Merci beaucoup
Merci
Salut, ça va ?
Au revoir
À bientôt
Oui, bien sûr.
S'il vous plaît
De rien
D'accord
Bonne nuit
Bienvenue à la maison
Je ne sais pas.
Il fait beau aujourd'hui.
Quelle heure est-il ?
Où est la gare ?
J'ai faim.
Tu viens avec nous ?
Le chat dort.
La table est mise.
Ouvrez la fenêtre.
Fermez la porte, s'il vous plaît.
Nous partirons demain matin.
Elle a acheté trois pommes rouges.
Les enfants jouent dans le jardin.
Votre commande a été expédiée hier.
L'avion décolle dans dix minutes.
C'est une bonne idée.
Qu'est-ce que c'est ?
Voici les nouvelles de la journée.
Attention à la marche en descendant du train.
Le prochain arrêt est la place de la République.
Votre rendez-vous est confirmé pour lundi.
Je vous écoute.
Comment puis-je vous aider ?
Un instant, je cherche.
Désolé, je n'ai pas compris.
La température extérieure est de douze degrés.
Il pleuvra en fin de soirée.
Deux et deux font quatre.
Mon frère habite en Bretagne.
On verra bien.
Tout va bien.
Ils ont mangé tout le gâteau.
La lumière du salon est allumée.
Éteins la radio.
Mets un rappel pour vendredi.
Joue de la musique.
Le weekend, on fait du shopping.
Mon smartphone est en panne.
Envoie un email au manager.
Le feedback du team leader est positif.
Aujourd'hui, maman est morte.
Longtemps, je me suis couché de bonne heure.
Vive la République, vive la France !
Ce livre parle de la mer et des marins.
Combien coûte ce vélo ?
Prenez la deuxième rue à gauche.
Nous sommes le quatorze juillet.
Pas de problème.
Encore une fois !
Chapitre premier
Monsieur Dupont vous appelle.
L’hiver arrive.
""".strip().splitlines()

ENGLISH = """
Hello
Hello there
Good morning!
Good night
Thank you very much
Thanks
Goodbye
See you soon
Yes, of course.
You're welcome
How are you?
What time is it?
Where is the station?
I'm hungry.
I don't know.
Are you coming with us?
The cat is asleep.
The table is set.
Open the window.
Please close the door.
We will leave tomorrow morning.
She bought three red apples.
The children are playing in the garden.
Your order was shipped yesterday.
The plane takes off in ten minutes.
That is a good idea.
What is it?
Here is the news of the day.
Mind the gap between the train and the platform.
The next stop is Oxford Street.
Your appointment is confirmed for Monday.
I am listening.
How can I help you?
One moment, let me look.
Sorry, I didn't understand.
The temperature outside is twelve degrees.
It will rain late in the evening.
Two and two make four.
My brother lives in Wales.
We shall see.
Everything is fine.
They ate all the cake.
The living room light is on.
Turn off the radio.
Set a reminder for Friday.
Play some music.
This is a cliché.
He met his fiancée at a café.
The rendez-vous is at noon.
Her résumé looks great.
It was a bright cold day in April, and the clocks were striking thirteen.
Call me Ishmael.
To be, or not to be, that is the question.
The quick brown fox jumps over the lazy dog.
How much does this bike cost?
Take the second street on the left.
Today is the fourth of July.
No problem.
Once again!
Chapter one
Mr Smith is calling you.
Winter is coming.
Warning: low battery.
Welcome home.
Don’t worry.
""".strip().splitlines()

UNCLEAR = ["", " ", "OK", "123", "!!!", "Paris", "Taxi", "3,14", "A", "Internet", "Bravo", "\ud800", "\U0001f600"]

BY_SCRIPT = {
    "ru": ["Привет", "Доброе утро, как дела?", "Сегодня хорошая погода.", "Windows не запускается"],
    "uk": ["Привіт, як справи?", "Її звати Олена."],
    "el": ["Καλημέρα", "Τι κάνεις σήμερα;", "ἀρχή"],
    "he": ["שלום", "מה שלומך היום?"],
    "ar": ["مرحبا", "كيف حالك اليوم؟", "السلام عليكم"],
    "fa": ["سلام، چطوری؟", "این کتاب من است و گفتم"],
    "hi": ["नमस्ते", "आप कैसे हैं?"],
    "th": ["สวัสดี", "วันนี้อากาศดี"],
    "zh": ["你好", "今天天气很好。", "我用Python写程序"],
    "ja": ["こんにちは", "今日は天気がいいです。", "東京へ行きます", "カメラ", "東京都知事選挙の投票率"],
    "ko": ["안녕하세요", "오늘 날씨가 좋아요."],
}
